"""What stands in an article's HTML and is none of its text: by tag, role, class and id.

The names are whole names of known plug-ins and habits, never parts of words: an article filed
under `category-social` or set as `market-share-table` keeps its text.
"""

import re
from collections.abc import Mapping
from typing import Final

__all__ = ["UNSEEN_TAGS", "is_furniture"]

UNSEEN_TAGS: Final = (
    *("head", "iframe", "noembed", "noframes", "noscript", "rp", "rt"),
    *("script", "style", "svg", "template", "textarea", "title"),
)
"""What no reader sees in a text; `rt` tells how the word before it is spoken."""

_TAGS: Final = frozenset(
    """
    aside audio button canvas datalist dialog figcaption footer form nav object select video
    """.split()  # noqa: SIM905 - a list to read
)
_ROLES: Final = frozenset(
    "button complementary contentinfo dialog menu menubar navigation search toolbar".split()  # noqa: SIM905 - a list to read
)
_NAMES: Final = frozenset(
    """
    share shares sharing sharebar sharedaddy social socials social-share social-sharing addthis
    addthis_toolbox a2a_kit addtoany addtoany_content addtoany_share_save_container ssba
    heateor_sss_sharing_container essb_links sumome-share-client sd-sharing sd-block post-share
    article-share share-this sharethis wp-caption-text wp-element-caption caption image-caption
    photo-caption picture-caption gallery-caption media-caption img-caption figcaption caption-text
    photo-credit image-credit jp-relatedposts yarpp yarpp-related yarpp-related-website crp_related
    wp_rp_wrap rp4wp-related-posts related relatedposts related-box read-also readalso read-more
    readmore see-also also-read lire-aussi a-lire-aussi leia-tambem leer-tambien lesen-sie-auch
    siehe-auch mehr-zum-thema lees-ook outbrain taboola ob-widget adsbygoogle advertisement
    newsletter newsletter-signup breadcrumb breadcrumbs sr-only screen-reader-text visually-hidden
    visuallyhidden
    wp-block-latest-posts wp-block-latest-comments wp-block-rss wp-block-query wp-block-archives
    wp-block-categories wp-block-tag-cloud wp-block-page-list wp-block-calendar wp-block-search
    wp-block-post-author wp-block-post-author-biography wp-block-avatar wp-block-comments
    wp-block-post-comments wp-block-post-navigation-link wp-block-social-links wp-block-loginout
    wp-block-buttons wp-block-button wp-block-post-terms wp-block-navigation wp-block-newsletter
    wp-block-jetpack-subscriptions wp-block-jetpack-related-posts wp-block-table-of-contents
    recent-posts latest-posts popular-posts trending-posts most-read most-popular more-stories
    wp-embedded-content widget_recent_entries widget_tag_cloud
    wp-block-pullquote pullquote pull-quote pullquotes pulled-quote article-pullquote
    tagcloud tag-cloud tag-list tags-links post-tags entry-tags article-tags tag-links
    toc toc_container ez-toc-container lwptoc wp-block-rank-math-toc-block
    author-box author-bio author-info author-card author-profile about-author about-the-author
    post-author-box saboxplugin-wrap abh_box m-a-box pp-multiple-authors-boxes-wrapper
    comments comments-area comment-form comment-respond comment-list respond disqus_thread
    fb-comments post-navigation posts-navigation entry-meta post-meta entry-footer post-footer
    newsletter-form newsletter-box newsletter-block mc4wp-form mailpoet_form mc_embed_signup
    subscribe-box subscribe-form subscription-form subscription-box wpforms-container wpcf7
    cookie-notice cookie-banner cookie-consent cookie-law-info-bar cookie-bar gdpr-notice
    copyright copyright-notice ad ads adsense ad-container ad-slot ad-wrapper ad-unit adslot advert
    advertising sponsored-content promo-box instagram-media tiktok-embed paywall-prompt
    post-views view-count reading-time sd-like jp-post-flair likes-widget-placeholder
    """.split()  # noqa: SIM905 - a list to read
)
# share-buttons, social-media-icons, related-posts, td-related-articles-box
_SHARE: Final = r"(?:share|sharing|social)(?:[-_](?:share|sharing|media))?"
_SHARE_PARTS: Final = r"(?:bar|box|btns?|buttons?|icons?|links?|list|panel|tools?|widget|wrapper)"
_LINKS: Final = r"(?:related|recommended|read[-_]?also|read[-_]?more|see[-_]?also)"
_LINK_PARTS: Final = r"(?:articles?|box|content|links?|news|posts?|stories|story|topics?|widget)"
_COMPOUND: Final = re.compile(
    rf"(?:[a-z0-9]+[-_]+){{0,3}}(?:{_SHARE}[-_]{_SHARE_PARTS}|{_LINKS}[-_]{_LINK_PARTS})"
    r"(?:[-_]+[a-z0-9]+)?"
)
_NOT_DISPLAYED: Final = re.compile(r"(?:^|;)\s*display\s*:\s*none\b", re.IGNORECASE)
_LONGEST_NAME: Final = 60
_ENOUGH: Final = 1_000  # characters of an attribute; nobody writes longer ones by hand


def is_furniture(tag: str, attributes: Mapping[str, str]) -> bool:
    """Whether an element looks like page furniture: navigation, captions, shares, link boxes."""
    return tag in _TAGS or (bool(attributes) and (_is_hidden(attributes) or _is_named(attributes)))


def _is_hidden(attributes: Mapping[str, str]) -> bool:
    return (
        "hidden" in attributes
        or attributes.get("aria-hidden", "").strip().lower() == "true"
        or _NOT_DISPLAYED.search(attributes.get("style", "")[:_ENOUGH]) is not None
    )


def _is_named(attributes: Mapping[str, str]) -> bool:
    roles = attributes.get("role", "")[:_ENOUGH].lower().split()
    names = f"{attributes.get('class', '')[:_ENOUGH]} {attributes.get('id', '')[:_ENOUGH]}"
    return not _ROLES.isdisjoint(roles) or any(map(_is_name, names.lower().split()))


def _is_name(name: str) -> bool:
    element = name.rpartition("__")[2]  # as in article__share
    return element in _NAMES or _COMPOUND.fullmatch(element[:_LONGEST_NAME]) is not None
