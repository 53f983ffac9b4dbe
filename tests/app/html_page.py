"""The parser of pages for the tests."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """Hold a page's title, exact values and their texts, maps, links, and elements with an id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.title = ""
        self.values: dict[str, float] = {}
        self.texts: dict[str, str] = {}
        self.maps: dict[str, dict[str, str]] = {}
        self.ids: dict[str, tuple[str, dict[str, str]]] = {}
        self.links: list[str] = []
        self._in_title = False
        self._value: str | None = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self._in_title = tag == "title"
        self._value = attributes.get("data-name")
        if self._value:
            self.values[self._value] = float(attributes["data-value"])
        if "data-map" in attributes:
            self.maps[attributes["data-map"]] = attributes
        if "id" in attributes:
            self.ids[attributes["id"]] = (tag, attributes)
        if tag == "a":
            self.links.append(attributes["href"])

    def handle_data(self, data):
        if self._in_title:
            self.title += data
            self._in_title = False
        if self._value:
            self.texts[self._value] = data
            self._value = None
