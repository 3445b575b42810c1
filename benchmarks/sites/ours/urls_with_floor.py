from benchmarks.sites.floor.urls import urlpatterns as floor
from benchmarks.sites.ours.urls import urlpatterns as ours

urlpatterns = [*ours, *floor]
