"""One volume that several processes or machines predict: the parts that each does, and how they are put together."""
