"""Work that several processes or machines share: shares of it, workers of a cluster, versions, progress."""
