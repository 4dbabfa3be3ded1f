"""Photos at full size take memory together only as far as there is room."""

import threading

import pytest

from dp2vl.protect.room import Room


def goes_in(room: Room, size: int, *, within_s: float = 60) -> bool:
    """Return whether a photo of that size is let in."""
    inside = threading.Event()

    def take() -> None:
        with room.take(size):
            inside.set()

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    return inside.wait(within_s)


def test_photos_are_let_in_until_the_room_is_full_and_again_when_one_is_done():
    room = Room(100)
    with room.take(60):
        assert goes_in(room, 40)
        assert not goes_in(room, 41, within_s=0.2)
    assert goes_in(room, 100)


def test_a_photo_that_is_larger_than_the_room_goes_in_alone():
    room = Room(100)
    with room.take(1):
        assert not goes_in(room, 1000, within_s=0.2)
    with room.take(1000):
        assert not goes_in(room, 1, within_s=0.2)


def test_what_fails_leaves_its_room_to_others():
    room = Room(10)
    with pytest.raises(ValueError), room.take(10):
        raise ValueError
    assert goes_in(room, 10)
