"""What the scripts in tools/ share; models, datasets and hooks need none of it."""
