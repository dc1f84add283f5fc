"""Which model the settings mean for an archive; under `auto`, the one that was chosen for it.

The first rebuild chooses, by the languages of all texts. The store keeps the choice, so every
process and every machine has it, and it stays until an operator asks for another look.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from index import Catalog
from recommender.analysis.analyzer import ANALYZER_VERSION, detect_language_of
from recommender.analysis.embedding import Model, find_model
from recommender.analysis.embedding.fourbit import LANGUAGES
from recommender.articles import Article, primary_language
from recommender.encoding_settings import REMOTE
from recommender.errors import ModelRefused
from recommender.indexing.snapshots import Origin, read_live_manifest
from recommender.settings import AUTO_MODEL, Settings
from recommender.store import ArticleStore, ModelChoice

__all__ = [
    "LEAST_OTHERS",
    "awaits_choice",
    "choose_by_languages",
    "choose_for_articles",
    "choose_for_rebuild",
    "find_model_of_settings",
    "model_so_far",
]

BUNDLED: Final = "bundled"
MULTILINGUAL: Final = "multilingual"
ENGLISH: Final = frozenset({"en"})
LEAST_OTHERS: Final = 0.25
"""From this share of texts in other languages on, the multilingual model is worth what it costs
English texts: docs/decisions/0018-model-by-languages.md."""
MOST_NAMED: Final = 3  # languages in a message
_log = logging.getLogger(__name__)

Say = Callable[[str], object]


def choose_by_languages(counts: Mapping[str | None, int]) -> ModelChoice:
    """Choose the model for an archive by the languages of its texts.

    Only texts whose language is known count. Languages that neither model supports are no reason
    for the multilingual one: words decide there with either.

    Args:
        counts: how many texts there are by primary BCP-47 subtag; None is an unknown language.

    Returns:
        The choice. It is not final if no language is known.
    """
    known = Counter({language: n for language, n in counts.items() if language is not None})
    if not known.total():
        return ModelChoice(BUNDLED, "no text has a known language yet", final=False)
    others = sum(n for language, n in known.items() if language in LANGUAGES - ENGLISH)
    model = MULTILINGUAL if others >= LEAST_OTHERS * known.total() else BUNDLED
    return ModelChoice(model, f"{_as_shares(known)}{_led_by_words(known, model)}", final=True)


def find_model_of_settings(settings: Settings, store: ArticleStore, catalog: Catalog) -> Model:
    """Find the model that the settings mean for a store; nothing is chosen or written.

    Raises:
        ModelRefused: it is missing, or is not the pinned one.
    """
    return _find(settings, lambda: _read_choice(settings, store, catalog))


def model_so_far(settings: Settings, store: ArticleStore, catalog: Catalog) -> Model:
    """Find the model with which to embed texts outside a rebuild, and keep it in the store.

    So a later process knows whether the archive had a model before anything was chosen.

    Raises:
        ModelRefused: it is missing, or is not the pinned one.
    """
    return _find(settings, lambda: _keep_choice(settings, store, catalog))


def awaits_choice(settings: Settings, store: ArticleStore) -> bool:
    """Whether the next rebuild will choose the model."""
    if settings.model != AUTO_MODEL:
        return False
    kept = store.model_choices.get()
    return kept is None or not kept.final


def choose_for_rebuild(
    settings: Settings,
    store: ArticleStore,
    catalog: Catalog,
    analyze: Callable[[], object],
    say: Say,
    *,
    anew: bool = False,
) -> Model:
    """Find the model with which to rebuild a store.

    Under `auto` the first rebuild analyzes all texts, chooses, and keeps the choice. Every rebuild
    says which model it is, and why.

    Args:
        settings: name the model, or leave it to the choice.
        store: keeps the choice.
        catalog: the model of its live snapshot stays if nothing was chosen.
        analyze: analyzes the texts of the store that were not analyzed yet.
        say: prints a line.
        anew: look again, whatever was chosen.

    Raises:
        ModelRefused: the model is missing, or is not the pinned one.
    """

    def choose() -> ModelChoice:
        choice = _keep_choice(settings, store, catalog)
        if anew or not choice.final:
            analyze()
            best = choose_by_languages(_count_languages(store))
            choice = store.model_choices.keep(_or_bundled(best, settings), anew=anew)
        say(f"model: {choice}")
        return choice

    return _say_titles(_find(settings, choose), say)


def choose_for_articles(settings: Settings, articles: Iterable[Article], say: Say) -> Model:
    """Find the model to measure some articles with.

    Under `auto` that is the one that the first rebuild of these articles would choose. Markup is
    not read: an article that has nothing else counts by its title and summary.

    Raises:
        ModelRefused: the model is missing, or is not the pinned one.
    """

    def choose() -> ModelChoice:
        languages = (primary_language(a.language) or detect_language_of(a) for a in articles)
        choice = _or_bundled(choose_by_languages(Counter(languages)), settings)
        say(f"model: {choice}")
        return choice

    return _say_titles(_find(settings, choose), say)


def _say_titles(model: Model, say: Say) -> Model:
    """`titles: bundled; both models read en, and words decide elsewhere`, if there are two."""
    if model.titles is not None:
        read = "any language"
        if model.languages is not None:
            read = f"{_first_few(sorted(model.languages))}, and words decide elsewhere"
        say(f"titles: {model.titles.name}; both models read {read}")
    return model


def _find(settings: Settings, choose: Callable[[], ModelChoice]) -> Model:
    name = choose().model if settings.model == AUTO_MODEL else settings.model
    return find_model(name, settings.data_dir, settings.encoding)


def _read_choice(settings: Settings, store: ArticleStore, catalog: Catalog) -> ModelChoice:
    """The choice that is kept; if it is not final, the model that the archive has already."""
    kept = store.model_choices.get()
    if kept is not None and kept.final:
        return kept
    live = _live_encoder(store, catalog)
    if live and (kept is None or live != kept.model):
        return ModelChoice(live, "the live snapshot was built with it", final=True)
    if kept is not None:
        return kept
    embedded = store.features.models()
    for name in (BUNDLED, MULTILINGUAL) if embedded else ():
        if _has_made_one(name, embedded, settings):
            return ModelChoice(name, "the stored vectors are its own", final=True)
    return ModelChoice(BUNDLED, "until the first rebuild chooses by the languages", final=False)


def _keep_choice(settings: Settings, store: ArticleStore, catalog: Catalog) -> ModelChoice:
    choice = _read_choice(settings, store, catalog)
    if choice == store.model_choices.get():
        return choice
    _log.info("the model of this archive: %s", choice)
    return store.model_choices.keep(choice)


def _live_encoder(store: ArticleStore, catalog: Catalog) -> str:
    """The name of the model of the live snapshot; empty if there is none of this store.

    It is empty too if the model is a server's: no server is set where `auto` is.
    """
    manifest = read_live_manifest(catalog)
    if manifest is None or manifest.epoch != store.state().epoch:
        return ""
    encoder = Origin.of(manifest).encoder
    return "" if encoder.startswith(REMOTE) else encoder


def _has_made_one(name: str, fingerprints: Collection[str], settings: Settings) -> bool:
    """Whether a model, alone or with the one for titles, has made vectors of one fingerprint."""
    for encoding in (settings.encoding, settings.encoding.without_titles()):
        with suppress(ModelRefused):  # it cannot be used here, so it is not what made them
            model = find_model(name, settings.data_dir, encoding)
            if any(map(model.has_made, fingerprints)):
                return True
    return False


def _count_languages(store: ArticleStore) -> Counter[str | None]:
    """How many articles there are by language: the given one, else the detected one."""
    detected = store.features.languages(ANALYZER_VERSION)
    with store.scan() as scan:
        return Counter(
            primary_language(one.article.language) or detected.get(one.text_hash)
            for one in scan.outlines()
        )


def _or_bundled(choice: ModelChoice, settings: Settings) -> ModelChoice:
    """The same choice; the bundled model if the chosen one cannot be used on this machine."""
    try:
        # The model for titles is no reason to choose another one.
        find_model(choice.model, settings.data_dir, settings.encoding.without_titles())
    except ModelRefused as fault:
        if choice.model == BUNDLED:
            raise
        why = (
            f"{choice.why}; words decide in all languages but English, because {fault}; "
            "and then: read-also rebuild --choose-model"
        )
        return replace(choice, model=BUNDLED, why=why)
    return choice


def _as_shares(known: Counter[str]) -> str:
    """`137 texts with a known language: en 87 %, zh 5 %, ru 4 %, 1 more`."""
    shares = [f"{language} {100 * n / known.total():.0f} %" for language, n in known.most_common()]
    texts = "1 text" if known.total() == 1 else f"{known.total()} texts"
    return f"{texts} with a known language: {_first_few(shares)}"


def _led_by_words(known: Counter[str], model: str) -> str:
    """`; words decide in zh, ru, tg`, or nothing if the model supports every language."""
    supported = LANGUAGES if model == MULTILINGUAL else ENGLISH
    rest = [language for language, _ in known.most_common() if language not in supported]
    return f"; words decide in {_first_few(rest)}" if rest else ""


def _first_few(words: Sequence[str]) -> str:
    more = [f"{len(words) - MOST_NAMED} more"] if len(words) > MOST_NAMED else []
    return ", ".join([*words[:MOST_NAMED], *more])
