"""Pushes an article when its model is saved, and deletes it when the model is deleted."""

import logging
from collections.abc import Callable
from functools import partial

from django.apps import AppConfig, apps
from django.conf import settings
from django.db.models import Model
from django.db.models.signals import post_delete, post_save
from django.db.transaction import on_commit

from read_also_client import ApiError, Client

_log = logging.getLogger(__name__)


class ReadAlso(AppConfig):
    """Connects the models that `READ_ALSO["MODELS"]` names."""

    name = "read_also_django"

    def ready(self) -> None:
        """Follow the models; the service hears of a change once it is committed."""
        for label in settings.READ_ALSO["MODELS"]:
            model = apps.get_model(label)
            post_save.connect(_push, sender=model)
            post_delete.connect(_delete, sender=model)


def _push(instance: Model, using: str, **_: object) -> None:
    on_commit(lambda: _try(lambda api: api.put(instance.read_also())), using)


def _delete(instance: Model, using: str, **_: object) -> None:
    gone = instance.read_also()["id"]  # the model has no key any more when it is committed
    on_commit(partial(_try, lambda api: api.delete(gone)), using)


def _try(call: Callable[[Client], object]) -> None:
    """Call the service. While it is away editors can save; `read_also_push` makes up for it."""
    try:
        with Client(settings.READ_ALSO["URL"], settings.READ_ALSO["WRITE_KEY"], timeout=3) as api:
            call(api)
    except ApiError as fault:
        _log.error("the related-article service has not got a change: %s", fault)
