"""The app's addresses. They are Auth0's own, so include them at the root of the site."""

from django.db import transaction
from django.urls import URLPattern, path

from dbconnections.api.base import Endpoint, NothingHere
from dbconnections.api.management import PasswordChangeTicketView
from dbconnections.api.views import ChangePasswordView
from dbconnections.pages import asking, views
from dbconnections.transactions import database

app_name = "dbconnections"


# Each view opens the transaction it needs: a retry, or a refusal that must be kept, could not
# happen inside one that ATOMIC_REQUESTS put around it.
own_transactions = transaction.non_atomic_requests(using=database())


def endpoint(address: str, view: type[Endpoint], name: str) -> list[URLPattern]:
    """Serve a view at Auth0's address and, for those who append one, with a slash."""
    return [
        path(address, own_transactions(view.as_view()), name=name),
        path(f"{address}/", own_transactions(view.as_view(schema=None))),
    ]


urlpatterns = [
    *endpoint("dbconnections/change_password", ChangePasswordView, "change_password"),
    *endpoint("api/v2/tickets/password-change", PasswordChangeTicketView, "password_change_ticket"),
    path(
        "dbconnections/change_password/form",
        own_transactions(asking.AskView.as_view()),
        name="ask",
    ),
    path("dbconnections/change_password/form/sent", asking.AskedView.as_view(), name="asked"),
    path("dbconnections/change_password/<path:rest>", NothingHere.as_view(schema=None)),
    path("dbconnections/reset/", own_transactions(views.ResetView.as_view()), name="reset"),
    path("dbconnections/reset/done/", views.DoneView.as_view(), name="done"),
    path("dbconnections/reset/<str:token>", views.LinkView.as_view(), name="link"),
    # What a mail client or a person has appended to a link.
    path("dbconnections/reset/<path:token>", views.LinkView.as_view()),
]
