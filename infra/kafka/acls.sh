#!/bin/sh
# Gives each part of go-leak-probe the least it needs on a broker with an authorizer.
#
#   acls.sh BOOTSTRAP_SERVERS COMMAND_CONFIG
#
# COMMAND_CONFIG is a client properties file of somebody who may alter ACLs. Adding again what is
# there changes nothing. Environment: KAFKA_ACLS (the program), the three principals
# TOPICS_ADMIN, COLLECTOR and WORKER, and GROUP_PREFIX (broker.group_prefix).
set -eu

servers=$1
config=$2
: "${KAFKA_ACLS:=kafka-acls.sh}"
: "${TOPICS_ADMIN:=User:goleakprobe-topics}"
: "${COLLECTOR:=User:goleakprobe-collect}"
: "${WORKER:=User:goleakprobe-worker}"
: "${GROUP_PREFIX:=goleakprobe}"

allow() {
  "$KAFKA_ACLS" --bootstrap-server "$servers" --command-config "$config" --add --force "$@"
}

# `goleakprobe topics apply`: makes the topics and sets what differs; reads and writes none.
allow --allow-principal "$TOPICS_ADMIN" --resource-pattern-type prefixed --topic goroutine. \
  --operation Create --operation Describe --operation DescribeConfigs --operation AlterConfigs

# `goleakprobe collect`: writes what it saw; reads nothing. Idempotent producing is part of Write.
allow --allow-principal "$COLLECTOR" --operation Write \
  --topic goroutine.snapshot.collected.v1 \
  --topic goroutine.stack.observed.v1 \
  --topic goroutine.runtime.sampled.v1 \
  --topic goroutine.lifecycle.traced.v1

# `goleakprobe worker`: reads all, looks at the topics' settings when it starts ...
allow --allow-principal "$WORKER" --resource-pattern-type prefixed --topic goroutine. \
  --operation Read --operation DescribeConfigs
# ... as consumer groups of its own ...
allow --allow-principal "$WORKER" --resource-pattern-type prefixed --group "$GROUP_PREFIX-" \
  --operation Read
# ... and writes what it derived, and dead letters.
allow --allow-principal "$WORKER" --operation Write \
  --topic goroutine.target.assessed.v1 \
  --topic goroutine.statistics.computed.v1 \
  --topic goroutine.leak.found.v1 \
  --topic goroutine.snapshot.collected.v1.dlq \
  --topic goroutine.stack.observed.v1.dlq \
  --topic goroutine.runtime.sampled.v1.dlq \
  --topic goroutine.lifecycle.traced.v1.dlq \
  --topic goroutine.target.assessed.v1.dlq \
  --topic goroutine.statistics.computed.v1.dlq \
  --topic goroutine.leak.found.v1.dlq
