"""A whole ML system, declared once: pipeline, model, gates, deployment, monitors, triggers and schedules.

`values.py` is what users declare. `apply.py` makes the ledger agree with it. `controllers.py` keeps the loop turning:
it asks `intake.py` (events and due moments become firings), `work.py` (firings become runs), `promotion.py`
(registered versions pass gates and start rollouts), the monitors and the rollouts.
"""

from mlwright.system.apply import apply, plan
from mlwright.system.controllers import Controllers
from mlwright.system.intake import fire
from mlwright.system.values import NOW, Schedule, System, Trigger, load_system

__all__ = ["NOW", "Controllers", "Schedule", "System", "Trigger", "apply", "fire", "load_system", "plan"]
