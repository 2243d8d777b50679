#!/bin/sh
# Collect many Linux hosts by ssh with the one-file agent.
#   collect.sh AGENT HOSTS OUT        HOSTS: a file with one host a line; OUT: folder for archives and receipts
# The agent and its archive are in memory (/dev/shm) on the host until they are fetched. SSH_OPTIONS: more options for ssh and scp.
set -u
agent=$1 hosts=$2 out=$3
failed=0
while read -r host; do
  [ -n "$host" ] || continue
  place=$(ssh -n ${SSH_OPTIONS:-} "root@$host" 'mktemp -d -p /dev/shm scout.XXXXXXXX') || { echo "$host: no ssh" >&2; failed=1; continue; }
  if scp -q ${SSH_OPTIONS:-} "$agent" "root@$host:$place/scout" </dev/null; then
    ssh -n ${SSH_OPTIONS:-} "root@$host" "mkdir $place/out && $place/scout -q --gentle -o $place/out" > "$out/$host.txt" 2>&1
    code=$?
    # 0: done, 1: nothing could be taken or not all; the archive is fetched in any case
    mkdir -p "$out/$host"
    scp -q ${SSH_OPTIONS:-} "root@$host:$place/out/*" "$out/$host/" </dev/null || failed=1
    echo "$host: exit $code, $(ls "$out/$host" | grep -c '\.age$') archive"
    [ "$code" -eq 0 ] || failed=1
  else
    echo "$host: the agent could not be copied" >&2
    failed=1
  fi
  ssh -n ${SSH_OPTIONS:-} "root@$host" "rm -r $place"
done < "$hosts"
exit $failed
