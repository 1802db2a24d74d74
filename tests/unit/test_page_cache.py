"""Pages that are kept: how long, how many, rendered once for all who ask, and gone with what they show."""

import asyncio
from http import HTTPStatus

import pytest

from relay.delivery.visitor import Visitor
from relay.http.answer import Answer
from relay.http.request import Request
from relay.limits import Limits, PagesPolicy
from relay.pages.cache import PageCache, PageKey
from relay.pages.renderings import Busy, Renderings, TooManyReads
from relay.pages.request_key import make_key, to_request
from tests.support.waiting import until

KEY, OTHER = PageKey("/", (), "en"), PageKey("/1k", (), "en")


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Press:
    """What renders pages: each is another."""

    def __init__(self, size: int = 10, status: HTTPStatus = HTTPStatus.OK, keep_until: float | None = None) -> None:
        self.count = 0
        self._answer = (status, size, keep_until)

    async def __call__(self) -> Answer:
        self.count += 1
        status, size, keep_until = self._answer
        return Answer(status, {}, b"%d" % self.count + b" " * size, keep_until)


class SlowPress(Press):
    """One that renders when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.may_end = asyncio.Event()
        self.has_begun = asyncio.Event()

    async def __call__(self) -> Answer:
        self.has_begun.set()
        await self.may_end.wait()
        return await super().__call__()


def make_cache(clock: Clock, **policy: float) -> PageCache:
    return PageCache(PagesPolicy(**policy), clock, clock)  # type: ignore[arg-type]


async def test_a_page_is_rendered_once_in_its_time() -> None:
    clock, press = Clock(), Press()
    cache = make_cache(clock, cache_s=60)
    assert cache.find(KEY) is None
    first = await cache.get(KEY, press)
    clock.now += 59.9
    assert await cache.get(KEY, press) is first
    assert cache.find(KEY) is first
    assert cache.find(OTHER) is None
    clock.now += 0.2
    assert cache.find(KEY) is None
    assert await cache.get(KEY, press) is not first


async def test_a_page_is_kept_no_longer_than_what_is_on_it_lasts() -> None:
    clock = Clock()
    cache = make_cache(clock)
    await cache.get(KEY, Press(keep_until=1_005.0))
    await cache.get(OTHER, Press(keep_until=1_000.0))
    assert cache.find(OTHER) is None
    clock.now = 1_004.9
    assert cache.find(KEY) is not None
    clock.now = 1_005.0
    assert cache.find(KEY) is None


async def test_nothing_is_kept_where_the_operator_wants_none_and_no_refusal_ever() -> None:
    for press, policy in ((Press(), {"cache_s": 0}), (Press(status=HTTPStatus.NOT_FOUND), {})):
        cache = make_cache(Clock(), **policy)
        for _ in range(2):
            await cache.get(KEY, press)
        assert press.count == 2


async def test_what_says_itself_how_long_it_may_be_kept_is_not_kept_here() -> None:
    async def render() -> Answer:
        return Answer(HTTPStatus.OK, {"Cache-Control": "no-store"}, b"")

    cache = make_cache(Clock())
    await cache.get(KEY, render)
    assert cache.find(KEY) is None


async def test_beyond_the_bounds_those_go_that_nobody_asked_for_the_longest() -> None:
    keys = [PageKey(f"/{number}", (), "en") for number in range(4)]
    cache = make_cache(Clock(), max_cached=3)
    for key in keys[:3]:
        await cache.get(key, Press())
    cache.find(keys[0])
    await cache.get(keys[3], Press())
    assert [cache.find(key) is not None for key in keys] == [True, False, True, True]
    cache = make_cache(Clock(), max_cached_mib=1)
    for key in keys:
        await cache.get(key, Press(size=300_000))
    assert [cache.find(key) is not None for key in keys] == [False, True, True, True]
    await cache.get(keys[0], Press(size=2_000_000))
    assert [cache.find(key) for key in keys] == [None] * 4


async def test_many_who_ask_for_a_page_at_the_same_time_have_it_rendered_once() -> None:
    cache, press = make_cache(Clock(), cache_s=0), SlowPress()
    asked = [asyncio.create_task(cache.get(KEY, press)) for _ in range(50)]
    await press.has_begun.wait()
    # One that leaves ends nothing for the others.
    asked[20].cancel()
    press.may_end.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert press.count == 1
    assert len({id(answer) for answer in answers if isinstance(answer, Answer)}) == 1
    assert isinstance(answers[20], asyncio.CancelledError)


async def test_a_rendering_that_fails_or_is_left_fails_nobody_else() -> None:
    cache, press = make_cache(Clock()), Press()
    begun, may_fail = asyncio.Event(), asyncio.Event()

    async def fail() -> Answer:
        begun.set()
        await may_fail.wait()
        raise RuntimeError

    failing = asyncio.create_task(cache.get(KEY, fail))
    await begun.wait()
    asked = [asyncio.create_task(cache.get(KEY, press)) for _ in range(3)]
    await asyncio.sleep(0)
    may_fail.set()
    answers = await asyncio.gather(*asked)
    with pytest.raises(RuntimeError):
        await failing
    assert press.count == 1
    assert {answer.body.strip() for answer in answers} == {b"1"}
    left = asyncio.create_task(make_cache(Clock()).get(KEY, SlowPress()))
    await asyncio.sleep(0)
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left


async def test_a_page_that_is_being_rendered_when_a_note_is_deleted_is_neither_kept_nor_joined() -> None:
    cache, slow, press = make_cache(Clock()), SlowPress(), Press()
    old = asyncio.create_task(cache.get(KEY, slow))
    await slow.has_begun.wait()
    cache.drop_all()
    new = await cache.get(KEY, press)
    slow.may_end.set()
    assert await old is not new
    assert cache.find(KEY) is new


async def test_publications_in_a_row_drop_pages_once_a_second() -> None:
    cache = PageCache(PagesPolicy(), asyncio.get_running_loop().time, Clock())
    await cache.get(KEY, Press())
    cache.drop_soon()
    assert cache.find(KEY) is None
    await cache.get(KEY, Press())
    cache.drop_soon()
    cache.drop_soon()
    assert cache.find(KEY) is not None
    await until(lambda: cache.find(KEY) is None)


async def test_a_deletion_drops_pages_at_once_whatever_was_published_before() -> None:
    cache = make_cache(Clock())
    cache.drop_soon()
    await cache.get(KEY, Press())
    cache.drop_all()
    assert cache.find(KEY) is None


def test_only_what_pages_read_makes_another_page() -> None:
    def key(target: str) -> PageKey:
        return make_key(Request("GET", target), "en")

    assert key("/?utm=1&x") == key("/") == key("/?ring=") == key("http://x/?a")
    assert key("/?ring=a&before=b&c=d") == key("/?before=b&ring=a")
    assert key("/?ring=a") != key("/?ring=b")
    assert key("/?ring=" + "a" * 5_001) == key("/")
    kept = to_request(key("/1k?ring=%26%3D%C3%A9&utm=1"))
    assert (kept.path, kept.query, kept.accept, kept.host) == ("/1k", {"ring": "&=é"}, "", "")


async def test_few_pages_are_rendered_at_once_and_few_wait() -> None:
    clock = Clock()
    renderings = Renderings(clock, max_at_once=2, max_waiting=3)
    visitor, may_end = Visitor(Limits(), clock.now), asyncio.Event()
    running = 0

    async def render() -> None:
        nonlocal running
        async with renderings.take_turn(visitor):
            running += 1
            await may_end.wait()
            running -= 1

    tasks = [asyncio.create_task(render()) for _ in range(5)]
    await asyncio.sleep(0)
    assert running == 2
    with pytest.raises(Busy):
        await render()
    may_end.set()
    await asyncio.gather(*tasks)
    await render()


async def test_after_a_page_its_place_stays_empty_for_as_long_as_the_page_took() -> None:
    loop = asyncio.get_running_loop()
    renderings = Renderings(loop.time, max_at_once=1)
    visitor = Visitor(Limits(), loop.time())
    began_s = loop.time()
    async with renderings.take_turn(visitor):
        await asyncio.sleep(0.1)
    took_s = loop.time() - began_s
    # The first is on its way; the next one waits.
    async with renderings.take_turn(visitor):
        assert loop.time() - began_s >= 1.9 * took_s


async def test_a_network_reads_so_many_pages_in_a_minute() -> None:
    clock = Clock()
    renderings = Renderings(clock)
    limits = Limits(max_page_reads_per_minute=3)
    visitor, other = Visitor(limits, clock.now), Visitor(limits, clock.now)

    async def read(reader: Visitor) -> bool:
        try:
            async with renderings.take_turn(reader):
                return True
        except TooManyReads:
            return False

    assert [await read(visitor) for _ in range(4)] == [True, True, True, False]
    assert not visitor.is_as_new(clock.now)
    assert await read(other)
    clock.now += 20.0
    assert [await read(visitor) for _ in range(2)] == [True, False]
    clock.now += 60.0
    assert visitor.is_as_new(clock.now)
