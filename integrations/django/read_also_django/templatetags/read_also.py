"""`{% read_also article.pk %}`: the list under an article."""

from django import template
from django.conf import settings
from django.utils.safestring import SafeString, mark_safe

from read_also_client import ApiError, Client, Retries

register = template.Library()


@register.simple_tag
def read_also(article_id: object, **options: object) -> SafeString:
    """The list as HTML, which the service has escaped; nothing where the service does not answer.

    Options are those of `related.html`: `{% read_also article.pk limit=6 images=1 %}`.
    """
    given = settings.READ_ALSO
    try:
        with Client(given["URL"], given.get("LISTS_KEY"), 0.5, retries=Retries(attempts=1)) as api:
            return mark_safe(api.related_html(article_id, **options))  # noqa: S308 - escaped
    except ApiError:
        return SafeString("")
