"""What all tests share."""

import signal

from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# The workers of pytest-xdist ignore Ctrl-C, and so would every program that a test starts to see how it takes one.
signal.signal(signal.SIGINT, signal.default_int_handler)
