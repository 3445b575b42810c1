"""The forms of the person who follows a link."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from dbconnections.pages.rules import generator_rules
from dbconnections.passwords.rules import Rule
from dbconnections.secret import Secret
from dbconnections.validators import MAX_ADDRESS, is_address


class PasswordField(forms.CharField):
    """A password exactly as typed; cleaned into a ``Secret``, never rendered back.

    ``described_by`` holds the ids of the elements that explain the field and its errors.
    """

    def __init__(self, *, label: Any, described_by: str) -> None:
        attrs = {
            "autocomplete": "new-password",
            "autocapitalize": "none",
            "spellcheck": "false",
            "aria-describedby": described_by,
        }
        super().__init__(
            label=label,
            strip=False,
            widget=forms.PasswordInput(attrs=attrs),
            error_messages={"required": _("Type a password.")},
        )

    def clean(self, value: Any) -> Secret:
        return Secret(super().clean(value))


NO_ADDRESS = _("Type an address such as name@example.com.")


class AskForm(forms.Form):
    """The address of the account whose password is to be reset."""

    email = forms.CharField(
        label=_("Email address"),
        widget=forms.EmailInput(
            attrs={
                "autocomplete": "email",
                "autocapitalize": "none",
                "spellcheck": "false",
                "maxlength": MAX_ADDRESS,
                "aria-describedby": "id_email_errors",
            }
        ),
        error_messages={
            "required": _("Type your email address."),
            "null_characters_not_allowed": NO_ADDRESS,
        },
    )

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        data: Any = self.data
        # Of two with one name, two readers could take a different one.
        is_single = len(data.getlist("email")) == 1
        if not is_single or not is_address(email):
            raise ValidationError(NO_ADDRESS)
        return email


class NewPasswordForm(forms.Form):
    """A new password, typed twice."""

    new_password1 = PasswordField(
        label=_("New password"),
        described_by="id_new_password1_errors id_new_password1_rules",
    )
    new_password2 = PasswordField(
        label=_("New password, once more"), described_by="id_new_password2_errors"
    )

    def guide_generators(self, rules: Iterable[Rule]) -> None:
        """Tell password managers the rules, where that says something."""
        if said := generator_rules(rules):
            self.fields["new_password1"].widget.attrs["passwordrules"] = said

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

    password = PasswordField(
        label=_("Type the new password you asked for"), described_by="id_password_errors"
    )


class ConfirmForm(forms.Form):
    """Nothing but the button."""
