from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("dbconnections.urls")),
    path("admin/", admin.site.urls),
]
