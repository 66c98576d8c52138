# line 2 "mail.pl"
# Sends one mail about failed tasks with the installation's own code, as its task workers do. The standard input is
# JSON: subject, body, and envelope_sender if it differs from the default. The answer is 1 when the mail was handed
# over, or when the settings name no recipient.
#
#   mail.pl PROGRAM PRODUCT
#
# PROGRAM is the path of the original's program, for code that looks up its own location.

use strict;
use warnings;

# Output of the installation's own code must not get into the answer.
my $answer;

BEGIN {
    $0 = $ARGV[0];
    open $answer, '>&', \*STDOUT or die "cannot keep the output: $!\n";
    open STDOUT, '>&', \*STDERR or die "cannot turn the output away: $!\n";
}

use JSON::PP ();
use Kernel::System::ObjectManager ();

my $letter = JSON::PP->new()->utf8()->decode( do { local $/ = undef; <STDIN> } );

local $Kernel::OM = Kernel::System::ObjectManager->new(
    'Kernel::System::Log' => { LogPrefix => $ARGV[1] },
);
my $config    = $Kernel::OM->Get('Kernel::Config');
my $recipient = $config->Get('Daemon::SchedulerTaskWorker::NotificationRecipientEmail');

if ($recipient) {
    my %more;
    if ( defined $letter->{envelope_sender} && length $letter->{envelope_sender} ) {
        $config->{SendmailEnvelopeFrom} = $letter->{envelope_sender};
    }
    elsif ( defined $letter->{envelope_sender} ) {

        # This is how the installation sends mail that must not be answered.
        $config->{SendmailNotificationEnvelopeFrom} = q{};
        $config->{'SendmailNotificationEnvelopeFrom::FallbackToEmailFrom'} = 0;
        %more = ( Loop => 1 );
    }
    my ( $name, $address ) = map { $config->Get("NotificationSender$_") } qw(Name Email);
    my $sent = $Kernel::OM->Get('Kernel::System::Email')->Send(
        From     => "$name <$address>",
        To       => $recipient,
        Subject  => $letter->{subject},
        Charset  => 'utf-8',
        MimeType => 'text/plain',
        Body     => $letter->{body},
        %more,
    );
    my $is_sent = ref $sent eq 'HASH' ? $sent->{Success} : $sent;
    die "the installation's mailer refused it\n" if !$is_sent;
}
print {$answer} 1 or die "cannot answer: $!\n";
close $answer or die "cannot answer: $!\n";
