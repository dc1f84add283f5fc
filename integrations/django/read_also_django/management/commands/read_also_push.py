"""`manage.py read_also_push`: sends all articles, for the first time or after an outage."""

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand

from read_also_client import Client


class Command(BaseCommand):
    """Sends every object of the models that `READ_ALSO["MODELS"]` names."""

    help = __doc__

    def handle(self, *_: object, **__: object) -> None:
        """Send them; print what is refused, and how many were sent."""
        models = map(apps.get_model, settings.READ_ALSO["MODELS"])
        objects = (one for model in models for one in model.objects.iterator())
        sent = 0
        with Client(settings.READ_ALSO["URL"], settings.READ_ALSO["WRITE_KEY"]) as api:
            for outcome in api.bulk(one.read_also() for one in objects):
                sent += 1
                if outcome.error:
                    self.stderr.write(f"{outcome.id}: {outcome.error.detail}")
        self.stdout.write(f"{sent} articles sent")
