"""Synthetic people: a genome decides a face, a setting decides everything else. No trained model, no real person."""

from dp2vl.people.backgrounds import paint_background
from dp2vl.people.body import paint_person
from dp2vl.people.camera import finish
from dp2vl.people.genome import Genome, Person, make_person
from dp2vl.people.look import Look, Setting, make_look, make_setting
from dp2vl.people.portrait import Drawn, draw_portrait, head_box
from dp2vl.people.scenes import draw_object, draw_scene

__all__ = [
    "Drawn",
    "Genome",
    "Look",
    "Person",
    "Setting",
    "draw_object",
    "draw_portrait",
    "draw_scene",
    "finish",
    "head_box",
    "make_look",
    "make_person",
    "make_setting",
    "paint_background",
    "paint_person",
]
