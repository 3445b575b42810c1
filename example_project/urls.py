from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from example_project import views
from example_project.outbox.mails import outbox_directory

urlpatterns = [
    path("", views.Home.as_view(), name="home"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("favicon.ico", RedirectView.as_view(url=static("example_project/icon.svg"))),
    path("", include("dbconnections.urls")),
]

# The links in mails open accounts: no outbox where mails reach real mailboxes.
if outbox_directory():
    urlpatterns.append(path("outbox/", include("example_project.outbox.urls")))
