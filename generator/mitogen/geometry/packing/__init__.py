"""Space shared out among sites, and convex bodies packed in the shares."""
