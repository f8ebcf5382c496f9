/** A pointer row: its body is the `Message` with the row's `seq`. Topics: the group, or receiver and sender. */
export const messageEvent = 'message';
