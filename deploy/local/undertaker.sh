#!/bin/sh
# Ends what a supervisor started when the supervisor is gone, however it went. undertaker.ts holds the other end of our input:
# lines "add GROUP" and "del GROUP" name process groups, "state FILE" names the file that says where the mesh is. The pipe
# closes with the last breath of the process that held it, even after SIGKILL, and then the work begins.

# A terminal's Ctrl-C or a hang-up is for the others; this is the last to leave.
trap '' INT TERM HUP
echo ready

groups=''
state=''
while read -r verb word; do
  case $verb in
    add) groups="$groups $word" ;;
    del)
      kept=''
      for group in $groups; do
        [ "$group" = "$word" ] || kept="$kept $group"
      done
      groups=$kept
      ;;
    state) state=$word ;;
  esac
done

alive() {
  for group in $groups; do
    kill -s 0 -- "-$group" 2>/dev/null && return 0
  done
  return 1
}

for group in $groups; do
  kill -s TERM -- "-$group" 2>/dev/null
  # A stopped process acts on TERM only when it goes on.
  kill -s CONT -- "-$group" 2>/dev/null
done

# Three seconds in thirty looks; where sleep takes whole seconds only, three looks.
looks=30
while [ "$looks" -gt 0 ] && alive; do
  sleep 0.1 2>/dev/null || { sleep 1 && looks=$((looks - 9)); }
  looks=$((looks - 1))
done

for group in $groups; do
  kill -s KILL -- "-$group" 2>/dev/null
done

# PPID is the supervisor's pid, also after its death: a file that another one wrote since is not ours to remove.
if [ -n "$state" ] && grep -q "\"pid\": $PPID," "$state" 2>/dev/null; then
  rm -f "$state"
fi
exit 0
