"""A broken control: a site that looks the account up, and mails it, within the request."""

from typing import Any

from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.urls import path

from dbconnections.api.views import ChangePasswordView
from tests.urls import urlpatterns as site_urls

LINK = "https://login.example.com/dbconnections/reset/token"


class NaiveView(ChangePasswordView):
    def post(self, request: Any) -> Any:
        response = super().post(request)
        user = User.objects.filter(email__iexact=request.data["email"]).first()
        if user is not None:
            send_mail("Change your password", LINK, None, [user.email])
        return response


urlpatterns = [path("dbconnections/change_password", NaiveView.as_view()), *site_urls]
