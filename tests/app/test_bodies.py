from collections import deque
from io import BufferedReader

from app.bodies import BoundedBuffer, Budget, Received, TurnedAway


def left(budget: Budget) -> int:
    """How many bytes the budget has."""
    count = 0
    while budget.take(1):
        count += 1
    budget.give_back(count)
    return count


def test_a_buffer_keeps_what_fits_and_forgets_the_rest():
    buffer = BoundedBuffer(4, Budget(100))
    buffer.append(b"abcd")
    assert (len(buffer), buffer.getfile().read()) == (4, b"abcd")
    buffer.append(b"e")
    assert (len(buffer), buffer.getfile().read()) == (5, b"")


def test_a_body_that_the_budget_has_no_room_for_is_turned_away():
    budget = Budget(5)
    first, second = BoundedBuffer(4, budget), BoundedBuffer(4, budget)
    first.append(b"abcd")
    second.append(b"a")
    second.append(b"b")
    assert first.getfile().read() == b"abcd"
    assert isinstance(second.getfile(), TurnedAway)
    assert len(second) == 2
    assert left(budget) == 1  # what the second had taken is back


def test_a_body_turned_away_once_stays_so():
    budget = Budget(4)
    first, second = BoundedBuffer(4, budget), BoundedBuffer(4, budget)
    first.append(b"abcd")
    second.append(b"a")
    first.close()
    second.append(b"b")
    assert isinstance(second.getfile(), TurnedAway)
    assert left(budget) == 4


def test_a_body_above_its_own_limit_takes_nothing():
    budget = Budget(10)
    buffer = BoundedBuffer(4, budget)
    buffer.append(b"abcd")
    buffer.append(b"efgh")
    assert not isinstance(buffer.getfile(), TurnedAway)  # it is too large, not too many
    assert left(budget) == 10


def test_closing_twice_gives_back_once():
    budget = Budget(10)
    buffer = BoundedBuffer(4, budget)
    buffer.append(b"abcd")
    buffer.close()
    buffer.close()
    assert left(budget) == 10


def test_the_app_answers_a_body_turned_away_with_busy(client):
    for path in ("/", "/api/v1/predictions"):
        response = client.post(path, environ_overrides={"wsgi.input": TurnedAway()})
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) > 0


def test_what_was_received_is_read_in_any_portions_and_let_go():
    pieces = deque([b"abc", b"d", b"efghij"])
    assert Received(deque(pieces)).readall() == b"abcdefghij"
    reader = BufferedReader(Received(pieces), 2)
    assert [reader.read(4), reader.read(1), reader.read(9), reader.read(1)] == [b"abcd", b"e", b"fghij", b""]
    assert not pieces
