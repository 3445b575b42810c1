"""The forms of the person who follows a link."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from dbconnections.secret import Secret


class PasswordField(forms.CharField):
    """A password exactly as typed; cleaned into a ``Secret``, never rendered back."""

    def __init__(self, *, label: Any, describedby: str = "") -> None:
        attrs = {"autocomplete": "new-password", "autocapitalize": "none", "spellcheck": "false"}
        if describedby:
            attrs["aria-describedby"] = describedby
        widget = forms.PasswordInput(attrs=attrs)
        super().__init__(label=label, strip=False, widget=widget)

    def clean(self, value: Any) -> Secret:
        return Secret(super().clean(value))


class NewPasswordForm(forms.Form):
    """A new password, typed twice."""

    new_password1 = PasswordField(label=_("New password"), describedby="id_new_password1_rules")
    new_password2 = PasswordField(label=_("New password, once more"))

    def clean(self) -> dict[str, Any]:
        first = self.cleaned_data.get("new_password1")
        second = self.cleaned_data.get("new_password2")
        if first and second and first != second:
            self.add_error(
                "new_password2",
                ValidationError(_("The two passwords are not the same."), code="mismatch"),
            )
        return self.cleaned_data


class RetypeForm(forms.Form):
    """The password that was sent with the request, typed once more."""

    password = PasswordField(label=_("Type the new password you asked for"))


class ConfirmForm(forms.Form):
    """Nothing but the button."""
