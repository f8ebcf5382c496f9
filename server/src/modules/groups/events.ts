/** Topic: the group, and the account it is about. The row itself lets the account in. */
export const groupCreated = 'group.created';
export const memberAdded = 'group.member_added';
