"""What belongs to people: vehicles, homes, animals, things, and the settings of family, friends and work."""

from dp2vl.people.objects.activities import ACTIVITIES
from dp2vl.people.objects.family import FAMILY
from dp2vl.people.objects.homes import HOMES
from dp2vl.people.objects.pen import Painter, Pen, Stage
from dp2vl.people.objects.pets import PETS
from dp2vl.people.objects.possessions import POSSESSIONS
from dp2vl.people.objects.vehicles import VEHICLES
from dp2vl.people.objects.workplaces import WORKPLACES

__all__ = ["ACTIVITIES", "FAMILY", "HOMES", "PETS", "POSSESSIONS", "VEHICLES", "WORKPLACES", "Painter", "Pen", "Stage"]
