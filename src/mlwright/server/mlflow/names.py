"""Names for runs that were given none: two words and a number, easy to say and to tell apart."""

from __future__ import annotations

import secrets

_FIRST = """
amber ample brave brisk bright calm candid clear clever cosmic crisp curious daring deft eager early fair
fancy fleet fond frank gentle glad golden grand happy hardy honest humble ivory jolly keen kind lively loyal
lucid mellow merry mighty misty modest noble patient placid plucky polite proud quick quiet rapid ready royal
rustic sage sharp silent silver sleek smart snowy solid sound spry steady stout sunny swift tidy tranquil true
upbeat valiant vivid warm wise witty young zesty
"""
_SECOND = """
alder anchor aspen badger beacon birch bison brook canyon cedar cliff comet condor coral crane creek delta
dune eagle elm ember falcon fern fjord forest fox garnet geyser glade grove harbor hawk heron hill ibis island
jade juniper kestrel lagoon lake lark lynx maple marsh meadow mesa moose moss oak ocean orchid osprey otter
owl peak pebble pine plover pond poplar prairie quail quartz raven reef ridge river robin sparrow spruce
stream summit swan thicket tide tundra valley willow wren
"""


def run_name() -> str:
    """Return a name, for example `brisk-heron-417`."""
    return f"{secrets.choice(_FIRST.split())}-{secrets.choice(_SECOND.split())}-{secrets.randbelow(1000)}"
