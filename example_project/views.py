"""The front end of Acme Notes, a pretend customer that asks for password resets."""

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView


class LoginForm(AuthenticationForm):
    """Django's log-in form, which here takes an e-mail address as well."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "E-mail address or username"


class Home(LoginView):
    """Greet who is logged in; let others log in or ask for a new password.

    The reset flow leads back here with `success` and `message` in the query. Anyone can make up
    a link with a message of their own, so the page shows sentences of its own instead.
    """

    template_name = "example_project/home.html"
    form_class = LoginForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what became of a reset, if this is the way back from one."""
        return super().get_context_data(reset_success=self.request.GET.get("success"), **kwargs)
