"""Pages that show the mails of the site. Only for a demo: they show everybody's links."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from example_project.outbox.mails import Mail, read_outbox

# Scripts and forms stay off. A link may leave the frame, for a page free of these limits.
SANDBOX = "allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    f"frame-ancestors 'self'; sandbox {SANDBOX}"
)


@require_safe
@never_cache
def mail_list(request: HttpRequest) -> HttpResponse:
    """List the mails, the newest first."""
    return render(request, "example_project/mail_list.html", {"mails": read_outbox()})


@require_safe
@never_cache
def mail_detail(request: HttpRequest, mail_id: str) -> HttpResponse:
    """Show one mail: both its parts and all its headers."""
    context = {"mail": find_mail(mail_id), "sandbox": SANDBOX}
    return render(request, "example_project/mail_detail.html", context)


@require_safe
@never_cache
@xframe_options_sameorigin
def mail_html(request: HttpRequest, mail_id: str) -> HttpResponse:
    """Answer with the HTML part as it is, for a frame whose links open outside of it."""
    html = '<!doctype html><base target="_top">' + find_mail(mail_id).html
    return HttpResponse(html, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})


def find_mail(mail_id: str) -> Mail:
    """Return the mail with this id; raise ``Http404`` if there is none."""
    for mail in read_outbox():
        if mail.id == mail_id:
            return mail
    raise Http404("There is no such mail.")
