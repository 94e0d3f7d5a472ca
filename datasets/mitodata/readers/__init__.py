"""Reading images that others wrote: one module a container, one set of checks, one grey scale for both programs."""
