"""One view as the tutorial of Django REST framework would write it."""

from django.shortcuts import get_object_or_404
from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from benchmarks.sites.floor.models import Application, Entry


class RequestSerializer(serializers.Serializer):
    client_id = serializers.CharField(max_length=64)
    email = serializers.EmailField()
    connection = serializers.CharField(max_length=128)


class RequestView(APIView):
    """One indexed SELECT, one INSERT."""

    def post(self, request: Request) -> Response:
        serializer = RequestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        fields = serializer.validated_data
        application = get_object_or_404(Application, client_id=fields["client_id"])
        Entry.objects.create(
            application=application, email=fields["email"], connection=fields["connection"]
        )
        return Response("We've just sent you an email to reset your password.")


urlpatterns = [path("requests", RequestView.as_view())]
