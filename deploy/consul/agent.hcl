# One region's Consul server. What differs between regions (datacenter, node name, data folder, ports, peers) comes as flags:
# deploy/local/consul.ts is the list. Settings that Consul 1.8 does not know are left out.

# A real server with a data folder, never -dev: leases and registrations must outlive a kill.
server           = true
bootstrap_expect = 1

bind_addr   = "127.0.0.1"
client_addr = "127.0.0.1"

# Nothing here asks Consul by DNS or gRPC.
ports {
  dns  = -1
  grpc = -1
}

# SIGTERM ends at once, without leaving: a leave waits 3 s for each of the two gossip pools, and a restart with the same data
# folder comes back as the same member, exactly as after a kill.
leave_on_terminate = false
performance {
  raft_multiplier = 1
}

# Every process of a region comes from one address here and holds several blocking queries; the default of 200 is for strangers.
limits {
  http_max_conns_per_client = 2000
}

# Regions that meet again should notice within seconds; the first join may come before the other region is up.
retry_interval_wan = "1s"
gossip_wan {
  probe_interval  = "1s"
  probe_timeout   = "500ms"
  gossip_interval = "200ms"
}

disable_update_check = true
log_level            = "INFO"
