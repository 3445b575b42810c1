"""The app's addresses. They are Auth0's own, so include them at the root of the site."""

from django.db import transaction
from django.urls import path, re_path

from dbconnections.api.management import PasswordChangeTicketView
from dbconnections.api.views import ChangePasswordView
from dbconnections.pages import views

app_name = "dbconnections"

# Each view opens the transaction it needs: a retry, or a refusal that must be kept, could not
# happen inside one that ATOMIC_REQUESTS put around it.
urlpatterns = [
    re_path(
        r"^dbconnections/change_password/?$",
        transaction.non_atomic_requests(ChangePasswordView.as_view()),
        name="change_password",
    ),
    re_path(
        r"^api/v2/tickets/password-change/?$",
        transaction.non_atomic_requests(PasswordChangeTicketView.as_view()),
        name="password_change_ticket",
    ),
    path(
        "dbconnections/reset/",
        transaction.non_atomic_requests(views.ResetView.as_view()),
        name="reset",
    ),
    path("dbconnections/reset/done/", views.DoneView.as_view(), name="done"),
    path("dbconnections/reset/<str:token>", views.LinkView.as_view(), name="link"),
]
