"""A filled project and a client of it."""

from filled import filled as filled
from filled import local as local
