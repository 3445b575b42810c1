"""Addresses of the shop, with the app's at the root."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
]
urlpatterns += [path("", include("dbconnections.urls"))]
