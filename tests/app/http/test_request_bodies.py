from app.http.request_bodies import Budget
from tests.app.conftest import encoded, form, photo


def test_a_budget_gives_what_it_has_and_takes_it_back():
    budget = Budget(5)
    assert [budget.take(4), budget.take(2), budget.take(1)] == [True, False, True]
    budget.give_back(2)
    assert [budget.take(2), budget.take(1)] == [True, False]


def test_a_body_without_room_in_the_budget_is_told_to_come_back(app, client, monkeypatch):
    body = encoded(form(photo()))
    budget = Budget(len(body["data"]) + 10)
    monkeypatch.setitem(app.extensions, "body_budget", budget)
    assert budget.take(20)
    for path in ("/", "/api/v1/predictions"):
        response = client.post(path, **body)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    budget.give_back(20)
    for _ in range(2):  # what one had taken is back for the next
        assert client.post("/api/v1/predictions", **body).status_code == 200
