"""The fields of each request, by a closed list."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from dbconnections.models import MAX_TICKET_LIFETIME
from dbconnections.secret import Secret
from dbconnections.validators import MAX_ADDRESS, is_address, printable
from dbconnections.validators import validate_result_url as check_result_url


class TextField(serializers.Field[str, Any, str, Any]):
    """A string, or an empty one where the field is absent, null or empty."""

    default_error_messages = {
        "type": gettext_lazy("{field} must be a string."),
        "length": gettext_lazy("{field} may have at most {length} characters."),
        "control": gettext_lazy("{field} holds characters that cannot be seen."),
    }

    def __init__(self, *, max_length: int, **kwargs: Any) -> None:
        super().__init__(required=False, allow_null=True, default="", **kwargs)
        self.max_length = max_length

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        if data is serializers.empty or data is None:
            return True, ""
        return False, data

    def to_internal_value(self, data: Any) -> str:
        # Exactly a string: a list or an object would reach the database as its text.
        if type(data) is not str:
            self.fail("type", field=self.field_name)
        text: str = data.strip()
        if len(text) > self.max_length:
            self.fail("length", field=self.field_name, length=self.max_length)
        # Also what is invisible: a database may take it for nothing, a reader for something else.
        if not text.isprintable():
            self.fail("control", field=self.field_name)
        return text


class EmailField(TextField):
    """An address that every mail system reads the same way."""

    default_error_messages = {
        "address": gettext_lazy("{field} is not a valid e-mail address."),
    }

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if text and not is_address(text):
            self.fail("address", field=self.field_name)
        return text


class PasswordField(serializers.Field[Secret | None, Any, None, Any]):
    """A password, untouched; None where it is absent, null or empty."""

    default_error_messages = {"type": gettext_lazy("{field} must be a string.")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, allow_null=True, default=None, **kwargs)

    def to_internal_value(self, data: Any) -> Secret | None:
        if isinstance(data, Secret):
            return data
        # Not `data == ""`: an empty list must be refused as any other.
        if type(data) is not str or data:
            self.fail("type", field=self.field_name)
        return None


class FlagField(serializers.Field[bool, Any, bool, Any]):
    """True or false; false where the field is absent or null."""

    default_error_messages = {"type": gettext_lazy("{field} must be true or false.")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, allow_null=True, default=False, **kwargs)

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        is_empty = data is serializers.empty or data is None
        return is_empty, False if is_empty else data

    def to_internal_value(self, data: Any) -> bool:
        if type(data) is not bool:
            self.fail("type", field=self.field_name)
        return bool(data)


class LifetimeField(serializers.Field[timedelta | None, Any, None, Any]):
    """Whole seconds; None where the field is absent, null or 0."""

    default_error_messages = {
        "seconds": gettext_lazy("{field} must be a whole number of seconds, at most {most}."),
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, allow_null=True, default=None, **kwargs)

    def to_internal_value(self, data: Any) -> timedelta | None:
        most = int(MAX_TICKET_LIFETIME.total_seconds())
        if type(data) is not int or not 0 <= data <= most:
            self.fail("seconds", field=self.field_name, most=most)
        return timedelta(seconds=data) or None


class ChangePasswordSerializer(serializers.Serializer[Any]):
    """The body of `POST /dbconnections/change_password`; what is not here is ignored."""

    client_id = TextField(max_length=64)
    connection = TextField(max_length=128)
    email = EmailField(max_length=MAX_ADDRESS)
    username = TextField(max_length=254)
    password = PasswordField()
    organization = TextField(max_length=128)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for field in ("client_id", "connection"):
            if not attrs[field]:
                raise serializers.ValidationError(
                    _("%(field)s is required.") % {"field": field}, code="required"
                )
        if not (attrs["email"] or attrs["username"]):
            raise serializers.ValidationError(
                _("email is required; username may stand in its place."), code="required"
            )
        if attrs["email"]:
            # auth0-js up to version 6 sends both; Auth0 goes by the address.
            attrs["username"] = ""
        return attrs


class TicketSerializer(serializers.Serializer[Any]):
    """The body of `POST /api/v2/tickets/password-change`, whose names are Auth0's."""

    user_id = TextField(max_length=255)
    email = EmailField(max_length=MAX_ADDRESS)
    connection_id = TextField(max_length=64)
    client_id = TextField(max_length=64)
    organization_id = TextField(max_length=128)
    result_url = TextField(max_length=500)
    ttl_sec = LifetimeField()
    includeEmailInRedirect = FlagField()  # noqa: N815 (Auth0's own name)
    mark_email_as_verified = FlagField()

    def validate_result_url(self, value: str) -> str:
        if value:
            try:
                check_result_url(value)
            except DjangoValidationError as error:
                raise serializers.ValidationError(f"result_url: {error.messages[0]}") from None
        return value

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        attrs: dict[str, Any] = super().to_internal_value(data)
        # Refused where the public endpoint ignores: a back end that misspells a lifetime must
        # not get another one.
        for name in data:
            if name not in self.fields:
                raise serializers.ValidationError(
                    _("%(field)s is not a field of this request; leave it out.")
                    % {"field": printable(name, 64)}
                )
        return attrs

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if bool(attrs["user_id"]) == bool(attrs["email"]):
            raise serializers.ValidationError(_("Send either user_id or email."))
        if attrs["email"] and not attrs["connection_id"]:
            raise serializers.ValidationError(_("email needs connection_id beside it."))
        return attrs
