//! Constants of the kernel's `include/uapi/linux/netfilter/nf_tables.h`, and the few of its
//! neighbours that are named here.

/// `enum nf_tables_msg_types`
pub(crate) mod message {
    pub(crate) const NEWTABLE: u8 = 0;
    pub(crate) const GETTABLE: u8 = 1;
    pub(crate) const DELTABLE: u8 = 2;
    pub(crate) const NEWCHAIN: u8 = 3;
    pub(crate) const GETCHAIN: u8 = 4;
    pub(crate) const DELCHAIN: u8 = 5;
    pub(crate) const NEWRULE: u8 = 6;
    pub(crate) const GETRULE: u8 = 7;
    pub(crate) const DELRULE: u8 = 8;
    pub(crate) const NEWSET: u8 = 9;
    pub(crate) const GETSET: u8 = 10;
    pub(crate) const DELSET: u8 = 11;
    pub(crate) const NEWSETELEM: u8 = 12;
    pub(crate) const GETSETELEM: u8 = 13;
    pub(crate) const GETGEN: u8 = 16;
    pub(crate) const NEWOBJ: u8 = 18;
    pub(crate) const GETOBJ: u8 = 19;
    pub(crate) const GETFLOWTABLE: u8 = 23;
}

/// `NFNL_MSG_BATCH_BEGIN` and `_END` of `include/uapi/linux/netfilter/nfnetlink.h`
pub(crate) const BATCH_BEGIN: u16 = 0x10;
pub(crate) const BATCH_END: u16 = 0x11;
/// `NFPROTO_INET` of `include/uapi/linux/netfilter.h`
pub(crate) const INET: u8 = 1;
/// `NFPROTO_BRIDGE`
pub(crate) const BRIDGE: u8 = 7;
/// `NFPROTO_IPV4`
pub(crate) const IPV4: u8 = 2;
/// `NFPROTO_IPV6`
pub(crate) const IPV6: u8 = 10;

/// `NFT_TABLE_F_OWNER` (5.12): only its socket may change the table.
pub(crate) const TABLE_OWNER: u32 = 0x2;
/// `NFT_TABLE_F_PERSIST` (6.9): the table outlives its owner.
pub(crate) const TABLE_PERSIST: u32 = 0x4;
/// `NFT_TABLE_F_DORMANT`: someone switched it off.
pub(crate) const TABLE_DORMANT: u32 = 0x1;

/// `enum nft_table_attributes`
pub(crate) mod table {
    pub(crate) const NAME: u16 = 1;
    pub(crate) const FLAGS: u16 = 2;
    pub(crate) const HANDLE: u16 = 4;
    pub(crate) const USERDATA: u16 = 6;
}

/// `enum nft_chain_attributes` and `nft_hook_attributes`
pub(crate) mod chain {
    pub(crate) const TABLE: u16 = 1;
    pub(crate) const HANDLE: u16 = 2;
    pub(crate) const NAME: u16 = 3;
    pub(crate) const HOOK: u16 = 4;
    pub(crate) const POLICY: u16 = 5;
    pub(crate) const TYPE: u16 = 7;
    pub(crate) const HOOK_NUM: u16 = 1;
    pub(crate) const HOOK_PRIORITY: u16 = 2;
}

/// `enum nft_rule_attributes`
pub(crate) mod rule {
    pub(crate) const TABLE: u16 = 1;
    pub(crate) const CHAIN: u16 = 2;
    pub(crate) const HANDLE: u16 = 3;
    pub(crate) const EXPRESSIONS: u16 = 4;
}

/// `enum nft_set_attributes`, `nft_set_desc_attributes`, `nft_set_flags`
pub(crate) mod set {
    pub(crate) const TABLE: u16 = 1;
    pub(crate) const NAME: u16 = 2;
    pub(crate) const FLAGS: u16 = 3;
    pub(crate) const KEY_TYPE: u16 = 4;
    pub(crate) const KEY_LEN: u16 = 5;
    pub(crate) const DATA_TYPE: u16 = 6;
    pub(crate) const DATA_LEN: u16 = 7;
    pub(crate) const DESC: u16 = 9;
    pub(crate) const ID: u16 = 10;
    pub(crate) const TIMEOUT: u16 = 11;
    pub(crate) const USERDATA: u16 = 13;
    pub(crate) const HANDLE: u16 = 16;
    pub(crate) const EXPR: u16 = 17;
    pub(crate) const DESC_SIZE: u16 = 1;
    /// `NFT_SET_TIMEOUT | NFT_SET_EVAL`
    pub(crate) const FLAG_DYNAMIC_TIMEOUT: u32 = 0x30;
    /// `NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | NFT_SET_MAP`
    pub(crate) const FLAG_ANONYMOUS_MAP: u32 = 0x0b;
    /// `NFT_DATA_VERDICT`
    pub(crate) const DATA_VERDICT: u32 = 0xffff_ff00;
}

/// `enum nft_set_elem_attributes` and `nft_set_elem_list_attributes`
pub(crate) mod element {
    pub(crate) const KEY: u16 = 1;
    pub(crate) const DATA: u16 = 2;
    pub(crate) const EXPR: u16 = 7;
    pub(crate) const LIST_TABLE: u16 = 1;
    pub(crate) const LIST_SET: u16 = 2;
    pub(crate) const LIST_ELEMENTS: u16 = 3;
    pub(crate) const LIST_SET_ID: u16 = 4;
}

/// `NFTA_LIST_ELEM`
pub(crate) const LIST_ELEM: u16 = 1;
/// `enum nft_data_attributes` and `nft_verdict_attributes`
pub(crate) const DATA_VALUE: u16 = 1;
pub(crate) const DATA_VERDICT: u16 = 2;
pub(crate) const VERDICT_CODE: u16 = 1;
pub(crate) const VERDICT_CHAIN: u16 = 2;
/// `enum nft_expr_attributes`
pub(crate) const EXPR_NAME: u16 = 1;
pub(crate) const EXPR_DATA: u16 = 2;

/// `enum nft_verdicts`
pub(crate) const JUMP: i32 = -3;
pub(crate) const GOTO: i32 = -4;
pub(crate) const RETURN: i32 = -5;

/// `enum nft_ct_keys`
pub(crate) mod ct {
    pub(crate) const STATE: u32 = 0;
    pub(crate) const DIRECTION: u32 = 1;
    pub(crate) const STATUS: u32 = 2;
    pub(crate) const PROTO_SRC: u32 = 11;
    pub(crate) const PROTO_DST: u32 = 12;
    pub(crate) const SRC_IP: u32 = 19;
    pub(crate) const DST_IP: u32 = 20;
    pub(crate) const SRC_IP6: u32 = 21;
    pub(crate) const DST_IP6: u32 = 22;
}

/// `enum nft_meta_keys`
pub(crate) mod meta {
    pub(crate) const PROTOCOL: u32 = 1;
    pub(crate) const IIF: u32 = 4;
    pub(crate) const NFPROTO: u32 = 15;
    pub(crate) const L4PROTO: u32 = 16;
    pub(crate) const PKTTYPE: u32 = 19;
}

/// `enum nft_payload_bases`
pub(crate) mod payload {
    pub(crate) const NETWORK: u32 = 1;
    pub(crate) const TRANSPORT: u32 = 2;
}

/// `enum nft_dynset_ops`
pub(crate) mod dynset {
    pub(crate) const UPDATE: u32 = 1;
    pub(crate) const DELETE: u32 = 2;
}

/// `enum nft_cmp_ops`
pub(crate) mod cmp {
    pub(crate) const EQ: u32 = 0;
    pub(crate) const NEQ: u32 = 1;
    pub(crate) const LTE: u32 = 3;
    pub(crate) const GTE: u32 = 5;
}

/// `enum nft_object_attributes`, `nft_counter_attributes`
pub(crate) mod object {
    pub(crate) const TABLE: u16 = 1;
    pub(crate) const NAME: u16 = 2;
    pub(crate) const TYPE: u16 = 3;
    pub(crate) const DATA: u16 = 4;
    pub(crate) const COUNTER: u32 = 1;
    pub(crate) const BYTES: u16 = 1;
    pub(crate) const PACKETS: u16 = 2;
}
