"""Pictures for people: contact sheets, knob strips, the gallery page."""
