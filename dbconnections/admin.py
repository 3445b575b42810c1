"""The administrator's side: clients, connections, and what became of each request.

Accounts, tickets, delivery and previews are imported where they are used: every process of a site
reads this module when it starts, and few come to use them.
"""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from dbconnections import branding, links, passwords
from dbconnections.clock import DatabaseNow
from dbconnections.conf import settings
from dbconnections.models import (
    AllowedOrigin,
    Client,
    Connection,
    ResetTicket,
    ResetTicketQuerySet,
    TicketState,
    enabled_pairs,
)
from dbconnections.passwords.policy import from_options
from dbconnections.passwords.rules import CharacterType
from dbconnections.transactions import Busy

__all__ = ["SendPasswordResetMixin"]


def copyable(identifier: str) -> str:
    """Return an identifier that a click copies."""
    return format_html('<code class="dbconnections-copy">{}</code>', identifier)


def until_busy(
    request: HttpRequest, act: Callable[[Any], bool], queryset: QuerySet[Any]
) -> list[bool]:
    """Act on each object and return what came of it, as far as the database was not too busy.

    Where it was, the administrator is told from which object on nothing was done.
    """
    objects = list(queryset)
    outcomes: list[bool] = []
    try:
        for thing in objects:
            outcomes.append(act(thing))  # noqa: PERF401 (to be read after an error)
    except Busy:
        first, *others = objects[len(outcomes) :]
        who = f"{first}, …" if others else str(first)
        messages.error(request, f"{who}: {_('Nothing was changed. Try again in a moment.')}")
    return outcomes


class DeletesTicketsAlong:
    """Let an object be deleted together with its tickets, which nobody may delete alone."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        listed, counts, needed, protected = super().get_deleted_objects(objs, request)  # type: ignore[misc]
        needed.discard(str(ResetTicket._meta.verbose_name))
        return listed, counts, needed, protected


class AllowedOriginInline(admin.TabularInline):
    model = AllowedOrigin
    extra = 1


class PreviewsBrand:
    """Shows pages and mails as they are with what was saved, each in a frame of its own."""

    model: Any
    admin_site: Any

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview_view)
        name = f"{self.model._meta.app_label}_{self.model._meta.model_name}_preview"
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        # Before the admin's own, whose last one takes every path for an object's key.
        return [path("<path:object_id>/preview/<slug:name>/", view, name=name), *urls]

    def preview_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        from dbconnections.previews import PREVIEWS, preview

        branded = self.get_object(request, object_id)  # type: ignore[attr-defined]
        if not self.has_view_or_change_permission(request, branded):  # type: ignore[attr-defined]
            raise PermissionDenied
        if branded is None or name not in PREVIEWS:
            raise Http404
        try:
            return preview(name, request, *self.previewed(branded))
        except ValidationError as error:
            # A password policy that cannot be used, which its own field tells in full.
            return HttpResponse(" ".join(error.messages), content_type="text/plain; charset=utf-8")

    def previewed(self, branded: Any) -> tuple[Client, Connection]:
        """Return the client and the connection a preview is of."""
        raise NotImplementedError

    @admin.display(description=_("Preview, as saved"))
    def preview(self, branded: Any) -> str:
        from dbconnections.previews import PREVIEWS

        if branded.pk is None:
            return str(_("Shown once this is saved."))
        name = f"admin:{self.model._meta.app_label}_{self.model._meta.model_name}_preview"
        frames = (
            (label, reverse(name, args=[branded.pk, key], current_app=self.admin_site.name), label)
            for key, (label, _make) in PREVIEWS.items()
        )
        return format_html(
            '<div class="dbconnections-previews">{}</div>',
            format_html_join(
                "",
                "<figure><figcaption>{}</figcaption>"
                '<iframe src="{}" title="{}" sandbox="allow-scripts" loading="lazy"></iframe>'
                "</figure>",
                frames,
            ),
        )


@admin.register(Client)
class ClientAdmin(PreviewsBrand, DeletesTicketsAlong, admin.ModelAdmin):
    list_display = ("name", "copyable_id", "is_active", "accepts_password", "confirmation")
    list_filter = ("is_active", "accepts_password")
    search_fields = ("name", "client_id")
    inlines = (AllowedOriginInline,)
    fieldsets = (
        (None, {"fields": ("name", "client_id", "is_active")}),
        (
            _("Way back"),
            {
                "fields": (
                    "result_url",
                    "result_url_parameters",
                    "result_url_forwards",
                    "result_url_email",
                    "result_url_organization",
                )
            },
        ),
        (_("Password sent with the request"), {"fields": ("accepts_password", "confirmation")}),
        (
            _("Branding"),
            {
                "fields": (*branding.FIELDS, "preview"),
                "description": _("What is empty here is filled by the connection, then the site."),
            },
        ),
    )
    readonly_fields = ("preview",)

    class Media:
        js = ("dbconnections/admin.js",)
        css = {"all": ("dbconnections/admin.css",)}

    def previewed(self, branded: Client) -> tuple[Client, Connection]:
        return branded, branded.connections.first() or Connection()

    @admin.display(description=_("client ID"), ordering="client_id")
    def copyable_id(self, client: Client) -> str:
        return copyable(client.client_id)


class WordsField(forms.CharField):
    """A list of words, written one a line."""

    widget = forms.Textarea(attrs={"rows": 4})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        lines = (super().to_python(value) or "").splitlines()
        return [line.strip() for line in lines if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(data) != (initial or []))


class ConnectionForm(forms.ModelForm):
    """Offers what can be chosen: configured stores, and the parts of a custom strength."""

    password_dictionary_words = WordsField(
        label=_("Own dictionary"),
        required=False,
        help_text=_(
            "Whole passwords refused as well, one a line, such as Acme2026!: up to 200 of up to 50 "
            "characters."
        ),
    )
    custom_types = forms.MultipleChoiceField(
        label=_("For Custom: character types"),
        choices=[(type_.value, type_.label) for type_ in CharacterType],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    custom_three_of_four = forms.BooleanField(
        label=_("For Custom: any three of the four types are enough"), required=False
    )
    custom_blocks_identical = forms.BooleanField(
        label=_("For Custom: no three equal characters in a row"), required=False
    )
    custom_blocks_sequential = forms.BooleanField(
        label=_("For Custom: no three letters or digits in sequence"), required=False
    )
    custom_limits_bytes = forms.BooleanField(
        label=_("For Custom: at most 72 bytes"),
        required=False,
        help_text=_("Where passwords are kept with bcrypt, which reads no more."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "user_store" in self.fields:
            names = set(settings.USER_STORES)
            if self.instance.pk:
                names.add(self.instance.user_store)
            self.fields["user_store"] = forms.ChoiceField(
                label=self.fields["user_store"].label,
                help_text=self.fields["user_store"].help_text,
                choices=[(name, name) for name in sorted(names)],
            )
        if "password_policy" in self.fields:
            self._offer_present_policy()
        options = self.instance.password_complexity or {}
        chosen = options.get("character_types", [])
        self.initial = {
            **self.initial,
            "custom_types": [type_ for type_ in CharacterType if type_ in chosen],
            "custom_three_of_four": options.get("character_type_rule") == "three_of_four",
            "custom_blocks_identical": options.get("identical_characters") == "block",
            "custom_blocks_sequential": options.get("sequential_characters") == "block",
            "custom_limits_bytes": options.get("max_length_exceeded") == "error",
        }

    def _offer_present_policy(self) -> None:
        """Show a strength there is none of, which the model's own validation then refuses.

        With none selected a browser would send the first one, and that asks for nothing.
        """
        field: Any = self.fields["password_policy"]
        present = self.instance.password_policy
        if present not in dict(field.choices):
            field.choices = [*field.choices, (present, present)]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        options: dict[str, Any] = {
            "character_types": cleaned.get("custom_types", []),
            "character_type_rule": "three_of_four" if cleaned["custom_three_of_four"] else "all",
            "identical_characters": "block" if cleaned["custom_blocks_identical"] else "allow",
            "sequential_characters": "block" if cleaned["custom_blocks_sequential"] else "allow",
            "max_length_exceeded": "error" if cleaned["custom_limits_bytes"] else "truncate",
        }
        unchanged = not any(name.startswith("custom_") for name in self.changed_data)
        try:
            # What stands there unusable is told, not mended by leaving out what no box shows.
            from_options(self.instance.password_complexity or {} if unchanged else options)
        except ValidationError as error:
            self.add_error("custom_types", error)
        else:
            # A minimum length that an import brought along stays, under the field of its own.
            if least := (self.instance.password_complexity or {}).get("min_length"):
                options["min_length"] = least
            self.instance.password_complexity = options
        return cleaned


@admin.register(Connection)
class ConnectionAdmin(PreviewsBrand, DeletesTicketsAlong, admin.ModelAdmin):
    form = ConnectionForm
    list_display = ("name", "copyable_id", "strategy", "is_active", "enabled_clients")
    list_filter = ("is_active", "strategy")
    search_fields = ("name", "connection_id")
    filter_horizontal = ("clients",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name",
                    "connection_id",
                    "strategy",
                    "is_active",
                    "user_store",
                    "clients",
                )
            },
        ),
        (_("Resets"), {"fields": ("ticket_lifetime", "disable_self_service_change_password")}),
        (
            _("Passwords"),
            {
                "fields": (
                    "password_policy",
                    "custom_types",
                    "custom_three_of_four",
                    "custom_blocks_identical",
                    "custom_blocks_sequential",
                    "custom_limits_bytes",
                    "password_min_length",
                    "password_history_size",
                    "password_dictionary",
                    "password_dictionary_words",
                    "password_no_personal_info",
                    "resulting_rules",
                )
            },
        ),
        (
            _("Branding"),
            {
                "fields": (*branding.FIELDS, "preview"),
                "description": _("For clients that say nothing of their own."),
            },
        ),
    )
    readonly_fields = ("resulting_rules", "preview")

    class Media:
        js = ("dbconnections/admin.js",)
        css = {"all": ("dbconnections/admin.css",)}

    def previewed(self, branded: Connection) -> tuple[Client, Connection]:
        return branded.clients.first() or Client(name=str(_("Your application"))), branded

    @admin.display(description=_("connection ID"), ordering="connection_id")
    def copyable_id(self, connection: Connection) -> str:
        return copyable(connection.connection_id)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        return super().get_queryset(request).prefetch_related("clients")

    @admin.display(description=_("Resulting rules"))
    def resulting_rules(self, connection: Connection) -> str:
        """Return what a person reads who chooses a password."""
        try:
            rules, notes = passwords.requirements(passwords.policy_of(connection))
        except ValidationError as error:
            return " ".join(error.messages)
        said = [*(rule.sentence() for rule in rules), *notes]
        return format_html(
            '<ul class="dbconnections-rules">{}</ul>',
            format_html_join("", "<li>{}</li>", ([s] for s in said)),
        )

    @admin.display(description=_("clients"), empty_value="-")
    def enabled_clients(self, connection: Connection) -> str:
        return ", ".join(client.name for client in connection.clients.all())


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return TicketState.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(current_state=self.value()) if self.value() else queryset


class DeliveryFilter(admin.SimpleListFilter):
    """What is due, failing or dead, and what the mail provider told."""

    title = _("delivery")
    parameter_name = "delivery"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return (
            ("due", _("due now")),
            ("failing", _("failing, to be tried again")),
            ("dead", _("undeliverable")),
            ("delivered", _("delivered")),
            ("bounced", _("bounced")),
            ("rejected", _("rejected")),
            ("complained", _("reported as spam")),
        )

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "due":
                return queryset.filter(due_at__lte=DatabaseNow())
            case "failing":
                return queryset.filter(due_at__isnull=False).exclude(last_error="")
            case "dead":
                return queryset.filter(undeliverable_at__isnull=False)
            case "delivered" | "bounced" | "rejected" | "complained" as outcome:
                return queryset.filter(**{f"{outcome}_at__isnull": False})
        return queryset


@admin.register(ResetTicket)
class ResetTicketAdmin(admin.ModelAdmin):
    """Tickets are looked at, sent again and revoked, never written."""

    list_display = ("requested_at", "submitted", "state", "what_became", "client", "connection")
    list_display_links = ("requested_at", "submitted")
    # A date hierarchy would need time zone tables, which many a MariaDB lacks.
    list_filter = (
        StateFilter,
        DeliveryFilter,
        "requested_at",
        "client",
        "connection",
        "password_given",
    )
    list_select_related = ("client", "connection")
    search_fields = ("email", "username", "sent_to", "ip", "=message_id")
    search_help_text = _("Search by address, username, IP address or message ID.")
    actions = ("send_again", "revoke")
    fieldsets = (
        (None, {"fields": ("state", "timeline", "client", "connection")}),
        (
            _("What was asked"),
            {
                "fields": (
                    "submitted",
                    "password_given",
                    "organization",
                    "language",
                    "result_url",
                    "include_email_in_redirect",
                    "mark_email_as_verified",
                )
            },
        ),
        (_("By whom"), {"fields": ("requested_by", "ip", "user_agent", "caller")}),
        (_("Account"), {"fields": ("account", "sent_to")}),
        (
            _("Delivery"),
            {"fields": ("due_at", "attempts", "last_error", "message_id", "reject_reason")},
        ),
    )

    class Media:
        css = {"all": ("dbconnections/admin.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[ResetTicket]:
        queryset: Any = super().get_queryset(request)
        with_state: ResetTicketQuerySet = queryset.with_state()
        return with_state

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Refuse to filter by what no page shows: so it could be read letter by letter."""
        is_hidden = lookup.partition("__")[0] in {"sealed_password", "fingerprint", "claim"}
        return not is_hidden and super().lookup_allowed(lookup, value, request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Acting on tickets takes the permission to change them, which no form here grants."""
        return request.user.has_perm("dbconnections.change_resetticket")

    @admin.display(description=_("submitted"), ordering="email")
    def submitted(self, ticket: ResetTicket) -> str:
        return ticket.submitted

    @admin.display(description=_("state"))
    def state(self, ticket: ResetTicket) -> str:
        return str(TicketState(ticket.current_state).label)

    @admin.display(description=_("delivery"), empty_value="-")
    def what_became(self, ticket: ResetTicket) -> str | None:
        """Return the last thing known of the mail: why it failed, or what the provider told."""
        if ticket.last_error:
            return ticket.last_error
        reports = (
            (ticket.delivered_at, _("delivered"), ""),
            (ticket.bounced_at, _("bounced"), ticket.reject_reason),
            (ticket.rejected_at, _("rejected"), ticket.reject_reason),
            (ticket.complained_at, _("reported as spam"), ""),
        )
        told = [(time, text, reason) for time, text, reason in reports if time]
        if not told:
            return None
        _time, text, reason = max(told, key=lambda report: report[0])
        return f"{text}: {reason}" if reason else str(text)

    @admin.display(description=_("timeline"))
    def timeline(self, ticket: ResetTicket) -> str:
        steps = [*ticket.timeline(), (str(_("link ends")), ticket.expires_at)]
        lines = ((label, date_format(localtime(time), "DATETIME_FORMAT")) for label, time in steps)
        return format_html(
            '<ol class="dbconnections-timeline">{}</ol>',
            format_html_join("", "<li><b>{}</b> {}</li>", lines),
        )

    @admin.action(description=_("Send again"), permissions=["act"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[ResetTicket]) -> None:
        from dbconnections.delivery import send_again

        outcomes = until_busy(request, send_again, queryset)
        message = ngettext("%d mail is on its way.", "%d mails are on their way.", sum(outcomes))
        self._report(request, message, outcomes)

    @admin.action(description=_("Revoke"), permissions=["act"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ResetTicket]) -> None:
        from dbconnections.tickets import revoke

        outcomes = until_busy(request, lambda ticket: revoke(ticket.pk, "administrator"), queryset)
        message = ngettext("%d ticket was revoked.", "%d tickets were revoked.", sum(outcomes))
        self._report(request, message, outcomes)

    def _report(self, request: HttpRequest, message: str, outcomes: list[bool]) -> None:
        done, left = outcomes.count(True), outcomes.count(False)
        if done:
            self.message_user(request, message % done, messages.SUCCESS)
        if left:
            skipped = ngettext(
                "%d ticket was left alone: it is used, revoked, expired or otherwise closed.",
                "%d tickets were left alone: they are used, revoked, expired or otherwise closed.",
                left,
            )
            self.message_user(request, skipped % left, messages.WARNING)


class ThroughForm(forms.Form):
    """Which application, and which of its connections, a reset is to run through."""

    through = forms.ChoiceField(label=_("Application and connection"))

    def __init__(self, choices: list[tuple[str, str]], data: Any = None) -> None:
        super().__init__(data)
        self.fields["through"].choices = choices  # type: ignore[attr-defined]


class SendPasswordResetMixin:
    """For the site's user admin: an action that mails the selected users a reset link.

    Administrators neither see the link nor choose the password. Where several clients and
    connections could be meant, a page asks which; ``reset_client_id`` and
    ``reset_connection_name`` settle it beforehand.
    """

    reset_client_id = ""
    reset_connection_name = ""
    actions: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Beside whatever actions the site's own admin lists.
        self.actions = [*(getattr(self, "actions", None) or ()), "send_password_reset"]

    @admin.action(description=_("Send password reset e-mail"), permissions=["change"])
    def send_password_reset(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> TemplateResponse | None:
        pairs = self._enabled_pairs()
        if not pairs:
            messages.error(
                request, _("No active client is enabled for an active database connection.")
            )
            return None
        key = next(iter(pairs))
        if len(pairs) > 1:
            choices = [(key, f"{pair.client} - {pair.connection}") for key, pair in pairs.items()]
            form = ThroughForm(choices, request.POST if "through" in request.POST else None)
            if not form.is_valid():
                return self._ask_through(request, queryset, form)
            key = form.cleaned_data["through"]
        outcomes = until_busy(
            request, lambda user: self._request_reset(request, user, pairs[key]), queryset
        )
        if requested := outcomes.count(True):
            text = ngettext(
                "A reset mail was requested for %d user. Reset tickets show what becomes of it.",
                "A reset mail was requested for %d users. Reset tickets show what becomes of them.",
                requested,
            )
            messages.success(request, text % requested)
        if left := outcomes.count(False):
            text = ngettext(
                "%d user cannot be sent one: not active, without an e-mail address, or without "
                "a usable password.",
                "%d users cannot be sent one: not active, without an e-mail address, or without "
                "a usable password.",
                left,
            )
            messages.warning(request, text % left)
        return None

    def _enabled_pairs(self) -> dict[str, Any]:
        """Return client and connection of each way a reset may take, by key."""
        pairs = enabled_pairs()
        if self.reset_client_id:
            pairs = pairs.filter(client__client_id=self.reset_client_id)
        if self.reset_connection_name:
            pairs = pairs.filter(connection__name=self.reset_connection_name)
        return {str(pair.pk): pair for pair in pairs.order_by("client__name", "connection__name")}

    def _ask_through(
        self, request: HttpRequest, queryset: QuerySet[Any], form: ThroughForm
    ) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "title": _("Send password reset e-mail"),
            "opts": queryset.model._meta,
            "users": queryset,
            "form": form,
        }
        return TemplateResponse(request, "admin/dbconnections/send_password_reset.html", context)

    def _request_reset(self, request: HttpRequest, user: Any, pair: Any) -> bool:
        """Request a reset; return False for a user known not to get one."""
        from dbconnections import tickets
        from dbconnections.accounts import ModelUserStore, get_store

        store = get_store(pair.connection.user_store)
        email = getattr(user, user.get_email_field_name(), "") or ""
        if isinstance(store, ModelUserStore):
            account = store.get(str(user.pk))
            if account is None or not store.is_resettable(account):
                return False
        tickets.issue(
            tickets.ResetRequest(
                client=pair.client,
                connection=pair.connection,
                email=email,
                username="" if email else user.get_username(),
                # The key of a user means something only to a store of users.
                account=str(user.pk) if isinstance(store, ModelUserStore) else "",
                requested_by=request.user.get_username(),
                base_url=links.base_url(request),
            )
        )
        return True
