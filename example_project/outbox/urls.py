from django.urls import path

from example_project.outbox import views

urlpatterns = [
    path("", views.mail_list, name="outbox"),
    path("<slug:mail_id>/", views.mail_detail, name="mail"),
    path("<slug:mail_id>/html/", views.mail_html, name="mail_html"),
]
