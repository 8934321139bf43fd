"""Protocol between a worker and its clients: status files, sockets, commands and leases."""
