"""The languages of the page: chosen by `?lang=`, else by what the browser prefers. No cookie remembers it."""

from typing import Any

from flask import Flask, Response, has_request_context, request, url_for
from flask_babel import Babel, format_decimal, get_locale, gettext

LANGUAGES = {"en": "English", "de": "Deutsch"}  # each in its own words
SAID_IN_PAGES = ("pages.", "models.", "visits.", "knowledge.", "history.", "documents.")  # endpoints


def init_app(app: Flask) -> None:
    """Choose the language of each request; carry a chosen one on in every address of a page."""
    Babel(app, locale_selector=selected)
    app.url_defaults(carry)
    app.after_request(vary)
    app.jinja_env.globals.update(languages=LANGUAGES, language=language, in_language=in_language)
    app.jinja_env.filters.update(decimal=decimal, sentence=sentence, in_sentence=in_sentence)


def selected() -> str:
    """The language of this request; English where there is none, as in a thread of its own."""
    if not has_request_context():
        return "en"
    return chosen() or preferred() or "en"


def chosen() -> str | None:
    """The language that the address asks for, if it is one of ours."""
    asked = request.args.get("lang", "")
    return asked if asked in LANGUAGES else None


def preferred() -> str | None:
    """The one of ours that the browser likes best: a regional one counts as its language."""
    tags = (tag.split("-")[0].lower() for tag, quality in request.accept_languages if quality > 0)
    return next((tag for tag in tags if tag in LANGUAGES), None)


def carry(endpoint: str, values: dict[str, Any]) -> None:
    """Put the chosen language into an address of a page."""
    if has_request_context() and endpoint.startswith(SAID_IN_PAGES) and chosen():
        values.setdefault("lang", chosen())


def vary(response: Response) -> Response:
    """Say that the answer depends on the language that was asked for."""
    if request.endpoint != "static":
        response.vary.add("Accept-Language")
    return response


def say(message: str, **values: object) -> str:
    """A message in the language of the request, with its values put in. Imported as `_`, which extraction knows."""
    return str(gettext(message, **values))


def marked(message: str) -> str:
    """A message that is said elsewhere: marked for extraction, and left as it is."""
    return message


def counted(number: float) -> str:
    """A number with the language's separator for thousands, and only the decimals that it has, three at most."""
    return str(format_decimal(number))


def language() -> str:
    """The language of what is being written, for the attribute lang."""
    return str(get_locale() or "en")


def in_language(name: str) -> str:
    """The address of this page in another language; of the start page where this one cannot be asked for again."""
    rule = request.url_rule
    if request.endpoint is None or rule is None or "GET" not in (rule.methods or ()):
        return url_for("pages.form", lang=name)
    return url_for(request.endpoint, **(request.view_args or {}), lang=name)


def sentence(text: str) -> str:
    """With a capital at its beginning, and the rest as it is: German nouns have capitals too."""
    return text[:1].upper() + text[1:]


def in_sentence(name: str) -> str:
    """A name in the middle of a sentence; German nouns keep their capital."""
    return name if language() == "de" else name.lower()


def decimal(value: float, digits: int = 3) -> str:
    """A number with that many decimals, as the language writes it."""
    return str(format_decimal(value, format="#,##0" + ("." + "0" * digits if digits else "")))
