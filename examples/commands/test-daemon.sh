#!/bin/sh
# A daemon module in shell: prints the time every two seconds and ends itself after an hour.
# Exit 0 is a planned end; the supervisor starts the next life at once.

sleep_post=${TEST_DAEMON_SLEEP_POST:-2}
discard=${TEST_DAEMON_DISCARD:-3600}

rounds=$((discard / sleep_post))
while [ "$rounds" -gt 0 ]; do
    LC_ALL=C date '+Current time %a %b %e %H:%M:%S %Y'
    sleep "$sleep_post"
    rounds=$((rounds - 1))
done
