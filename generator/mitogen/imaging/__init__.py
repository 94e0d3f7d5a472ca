"""From density to grey levels: what a knife, a microscope, a detector and a file format do to a section."""
