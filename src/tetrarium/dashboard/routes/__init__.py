"""The resources of the API: each module has the requests, responses and routes of one."""
