"""How a service lives: started once, its loops watched, its servers embedded, drained on SIGTERM."""
