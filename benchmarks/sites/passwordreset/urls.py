from typing import Any

from django.core.mail import EmailMultiAlternatives
from django.dispatch import receiver
from django.template.loader import render_to_string
from django.urls import include, path, reverse
from django_rest_passwordreset.signals import reset_password_token_created

urlpatterns = [
    path("api/password_reset/", include("django_rest_passwordreset.urls", "password_reset"))
]


@receiver(reset_password_token_created)
def send_link(instance: Any, reset_password_token: Any, **kwargs: object) -> None:
    """Send a text with an HTML part, as the README's receiver does."""
    confirm = instance.request.build_absolute_uri(reverse("password_reset:reset-password-confirm"))
    user = reset_password_token.user
    context = {
        "username": user.username,
        "email": user.email,
        "reset_password_url": f"{confirm}?token={reset_password_token.key}",
    }
    message = EmailMultiAlternatives(
        "Reset your password",
        render_to_string("email/user_reset_password.txt", context),
        "noreply@example.com",
        [user.email],
    )
    html = render_to_string("email/user_reset_password.html", context)
    message.attach_alternative(html, "text/html")
    message.send()
