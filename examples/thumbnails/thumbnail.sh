#!/bin/sh
# thumbnail.sh DIRECTORY: the picture that the task is named after becomes a thumbnail in DIRECTORY.
#
# A task runs at least once: after a crash it runs again. So the thumbnail gets its name only when it is whole, and
# what a killed run left behind is overwritten by the next. What gm says about a damaged picture is kept with the task.
set -eu
picture=$OTRSD_TASK_NAME
name=$(basename "$picture")
unfinished=$1/.$OTRSD_TASK_ID
gm convert "$picture" -thumbnail 160x160 "jpeg:$unfinished"
mv "$unfinished" "$1/${name%.*}.jpg"
