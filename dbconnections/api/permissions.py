"""Which back ends may have a link."""

from typing import Any

from django.utils.translation import gettext_lazy
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

__all__ = ["MayIssueTickets"]


class MayIssueTickets(BasePermission):
    """Staff with the permission to add reset tickets, which superusers have.

    A link opens an account, which is more than any page of the admin gives staff as such.
    """

    message = gettext_lazy("This takes a staff user with the permission to add reset tickets.")

    def has_permission(self, request: Request, view: Any) -> bool:
        user = request.user
        is_staff = getattr(user, "is_staff", False)
        return bool(is_staff and user.has_perm("dbconnections.add_resetticket"))
