"""The languages of the page, selected by `?lang=` or else by the browser's preference; there is no cookie."""

from typing import Any

from flask import Flask, Response, has_request_context, request, url_for
from flask_babel import Babel, format_decimal, get_locale, gettext

LANGUAGES = {"en": "English", "de": "Deutsch"}  # each name is in its own language
TRANSLATED_ENDPOINTS = ("pages.", "models.", "visits.", "knowledge.", "history.", "documents.", "gallery.")


def init_app(app: Flask) -> None:
    """Select the language of each request; links to pages keep `?lang=` if the current address has it."""
    Babel(app, locale_selector=request_language)
    app.url_defaults(add_language_to_url)
    app.after_request(add_vary_header)
    app.jinja_env.globals.update(languages=LANGUAGES, language=current_language, in_language=url_in_language)
    app.jinja_env.filters.update(
        decimal=format_decimals, sentence=capitalise_first, in_sentence=name_in_sentence
    )


def request_language() -> str:
    """Return the language that the request prefers, else English; a variant such as de-AT counts as de."""
    if not has_request_context():
        return "en"
    tags = (tag.split("-")[0].lower() for tag, quality in request.accept_languages if quality > 0)
    return requested_language() or next((tag for tag in tags if tag in LANGUAGES), "en")


def requested_language() -> str | None:
    """Return the language that `?lang=` selects, or None if `lang` is absent or not in LANGUAGES."""
    language = request.args.get("lang", "")
    return language if language in LANGUAGES else None


def add_language_to_url(endpoint: str, values: dict[str, Any]) -> None:
    """Add `lang` to the address of a page if the current address has it."""
    if has_request_context() and endpoint.startswith(TRANSLATED_ENDPOINTS) and requested_language():
        values.setdefault("lang", requested_language())


def add_vary_header(response: Response) -> Response:
    """Tell caches that the answer depends on the language that the browser prefers."""
    if request.endpoint != "static":
        response.vary.add("Accept-Language")
    return response


def translate(message: str, **values: object) -> str:
    """Return the translated message with its values. Import this function as `_`, the name that Babel looks for."""
    return str(gettext(message, **values))


def mark_message(message: str) -> str:
    """Return a message unchanged. The call marks it for Babel's catalogue; it is translated where it is shown."""
    return message


def format_number(number: float) -> str:
    """Return a number with the language's separator for thousands and at most three decimals."""
    return str(format_decimal(number))


def current_language() -> str:
    """Return the code of the language in use, such as `de`, which is also the HTML attribute lang."""
    return str(get_locale() or "en")


def url_in_language(name: str) -> str:
    """Return the current page's address with only `lang` as query; if the page needs POST, the start page's address."""
    rule = request.url_rule
    if request.endpoint is None or rule is None or "GET" not in (rule.methods or ()):
        return url_for("pages.form", lang=name)
    return url_for(request.endpoint, **(request.view_args or {}), lang=name)


def capitalise_first(text: str) -> str:
    """Return the text with a capital first letter; the rest stays, because German nouns have capitals."""
    return text[:1].upper() + text[1:]


def name_in_sentence(name: str) -> str:
    """Return a name as it is written inside a sentence: in small letters, except in German."""
    return name if current_language() == "de" else name.lower()


def format_decimals(value: float, digits: int = 3) -> str:
    """Return a number with `digits` decimals, written as in the language of the request."""
    return str(format_decimal(value, format="#,##0" + ("." + "0" * digits if digits else "")))
