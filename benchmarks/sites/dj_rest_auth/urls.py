from django.urls import include, path
from django.views.generic import TemplateView

urlpatterns = [
    path("dj-rest-auth/", include("dj_rest_auth.urls")),
    # The page of the front end that the mail leads to; its FAQ asks for one of this name.
    path(
        "password-reset/confirm/<uidb64>/<token>/",
        TemplateView.as_view(),
        name="password_reset_confirm",
    ),
]
