"""The shop's own rule for passwords."""

from django.core.exceptions import ValidationError


class NoShopName:
    def validate(self, password, user=None):
        if "shop" in password.lower():
            raise ValidationError("Leave the name of the shop out.")

    def get_help_text(self):
        return "Your password may not contain the name of the shop."
